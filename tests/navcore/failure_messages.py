# ruff: noqa: E501  # what frameworks say is not cut to fit
"""Messages of frameworks as they came, some cut at the end; each with the kind and the sentence to make of it.

Made to happen with torch 2.13, ONNX Runtime 1.31, OpenVINO 2026.4, TensorRT 11.4, onnx 1.23 and NumPy 2.4 without a GPU;
tests/cross/test_failures.py does it again. Those of GPUs are from public reports (pytorch/pytorch#16417,
microsoft/onnxruntime#21684).
"""

from __future__ import annotations

CORE = "Exception from src/inference/src/cpp/core.cpp:105:\n"
REPORT = (
    f"{CORE}Check 'false' failed at src/frontends/common_translators/src/unconverted_ops_report.cpp:151:\n"
    "FrontEnd API failed with OpConversionFailure:\nModel wasn't fully converted."
)
ORT = "[ONNXRuntimeError] : "
ARENA = (
    "/onnxruntime_src/onnxruntime/core/framework/bfc_arena.cc:360 void* onnxruntime::BFCArena::AllocateRawInternal("
    "size_t, bool, onnxruntime::Stream*) Failed to allocate memory for requested buffer of size 40000000000"
)
GUARD = (
    "Could not guard on data-dependent expression Eq(u0, 1) (unhinted: Eq(u0, 1)).  (Size-like symbols: none)\n\n"
    "consider using data-dependent friendly APIs such as guard_or_false, guard_or_true and statically_known_true.\n"
    "Caused by: (_export/non_strict_utils.py:1205 in __torch_function__)\n"
    'For more information, run with TORCH_LOGS="dynamic"\n\n'
    "The following call raised this error:\n"
    '  File "/home/me/net.py", line 90, in forward\n'
)
USER_CODE = (
    "Unsupported: Data-dependent branching\n"
    "  Explanation: Detected data-dependent branching (e.g. `if my_tensor.sum() > 0:`). Dynamo does not support tracing "
    "dynamic control flow.\n  Hint: Use `torch.cond` to express dynamic control flow.\n\n"
    "  Developer debug context: attempted to jump with TensorVariable()\n\nfrom user code:\n"
    '   File "/home/me/main.py", line 3, in inner\n    return net(x)\n'
    '  File "/home/me/net.py", line 94, in forward\n    if x.sum() > 0:\n       ^^^^^^^^^^^\n'
)
SESSION = (
    "ONNX Runtime 1.31.1 runs model.onnx on CPUExecutionProvider: CUDAExecutionProvider could not be started, most often "
    "because the GPU, or a CUDA or cuDNN library of the right version, is missing; its reason is in the log above"
)
CASES = (
    (
        "out-of-memory",
        "GPU 0 ran out of memory: 22.00 MiB were needed, 11.06 MiB of its 23.65 GiB were free",
        "OutOfMemoryError: CUDA out of memory. Tried to allocate 22.00 MiB. GPU 0 has a total capacity of 23.65 GiB of "
        "which 11.06 MiB is free. Including non-PyTorch memory, this process has 23.60 GiB memory in use.",
    ),
    (
        "out-of-memory",
        "the GPU ran out of memory when 1.71 GiB more were needed",
        "OutOfMemoryError: CUDA out of memory. Tried to allocate 1.71 GiB (GPU 0; 6.00 GiB total capacity; 3.49 GiB "
        "already allocated; 1.04 GiB free; 3.50 GiB reserved in total by PyTorch)",
    ),
    (
        "out-of-memory",
        "ConstantOfShape node 'huge' needs 40 GB of memory at once, which could not be had",
        f"Fail: {ORT}1 : FAIL : Non-zero status code returned while running ConstantOfShape node. Name:'huge' Status "
        f"Message: {ARENA}\n",
    ),
    (
        "out-of-memory",
        "Broadcast node 'y' needs 4 GB of memory at once, which could not be had",
        "RuntimeError: Exception from src/inference/src/cpp/infer_request.cpp:224:\n"
        "Exception from src/plugins/intel_cpu/src/node.cpp:794:\n"
        "[CPU] Broadcast node with name 'y' Check 'ptr' failed at src/plugins/intel_cpu/src/cpu_memory.cpp:257:\n"
        "Failed to allocate 4000000000 bytes of memory\n",
    ),
    (
        "out-of-memory",
        "400 TB of memory were needed at once, and could not be had",
        "RuntimeError: [enforce fail at alloc_cpu.cpp:127] err == 0. DefaultCPUAllocator: can't allocate memory: you "
        "tried to allocate 400000000000000 bytes. Error code 12 (Cannot allocate memory)",
    ),
    (
        "out-of-memory",
        "728. TiB of memory for an array of float64 with shape (100000000000000,) could not be had",
        "MemoryError: Unable to allocate 728. TiB for an array with shape (100000000000000,) and data type float64",
    ),
    ("out-of-memory", "memory ran out", "MemoryError: "),
    (
        "disk-full",
        "the disk is full: /small/model.bin could not be written",
        "OSError: [Errno 28] No space left on device: '/tmp/model.bin' -> '/small/model.bin'",
    ),
    ("disk-full", "the disk is full", "OSError: [Errno 28] No space left on device"),
    (
        "disk-full",
        "only 131056 of 1000000 elements of an array could be written: the disk is full",
        "OSError: 1000000 requested and 131056 written",
    ),
    (
        "disk-full",
        "a file could not be written to its end, most likely because the disk is full",
        "RuntimeError: [enforce fail at inline_container.cc:672] . unexpected pos 1344 vs 1302",
    ),
    (
        "disk-full",
        "a file could not be written to its end, most likely because the disk is full",
        "RuntimeError: basic_ios::clear: iostream error",
    ),
    ("missing-dependency", "the module 'cv2' is not installed", "ModuleNotFoundError: No module named 'cv2'"),
    (
        "missing-dependency",
        "the installed pyyaml has no module 'yaml.nosuch': its version does not fit",
        "ModuleNotFoundError: No module named 'yaml.nosuch'",
    ),
    (
        "missing-dependency",
        "the installed numpy has no numpy.nosuch: its version does not fit",
        "ImportError: cannot import name 'nosuch' from 'numpy' (/venv/lib/python3.11/site-packages/numpy/__init__.py)",
    ),
    (
        "missing-dependency",
        "ONNX Runtime does not find libcublasLt.so.12, which its GPU provider needs",
        "EPFail: /onnxruntime_src/onnxruntime/core/session/provider_bridge_ort.cc:1695 onnxruntime::Provider& "
        f"onnxruntime::ProviderLibrary::Get() {ORT}1 : FAIL : Failed to load library libonnxruntime_providers_cuda.so "
        "with error: libcublasLt.so.12: cannot open shared object file: No such file or directory",
    ),
    (
        "missing-dependency",
        "ONNX Runtime 1.31.1 could not start its CUDAExecutionProvider: there is no GPU, or no CUDA or cuDNN library of "
        "the right version",
        f"RuntimeError: {SESSION}",
    ),
    (
        "missing-dependency",
        "the shared library libOpenCL.so.1 is not on this machine",
        "RuntimeError: Exception from src/inference/src/cpp/core.cpp:117:\nCannot load library "
        '"/venv/openvino/libs/libopenvino_intel_gpu_plugin.so": libOpenCL.so.1: cannot open shared object file: No such '
        "file or directory\n",
    ),
    (
        "missing-dependency",
        "torch's compiler writes C++, and there is no working C++ compiler (torch._inductor.config.cpp.cxx)",
        "InductorError: InvalidCxxCompiler: No working C++ compiler found in torch._inductor.config.cpp.cxx: "
        "(None, 'g++')\n\nSet TORCHDYNAMO_VERBOSE=1 for the internal stack trace",
    ),
    (
        "missing-dependency",
        "torch's compiler needs Triton for GPUs, and it does not work here",
        "TritonMissing: Cannot find a working triton installation. Either the package is not installed or it is too old.",
    ),
    ("missing-dependency", "this torch was built without CUDA", "AssertionError: Torch not compiled with CUDA enabled"),
    (
        "unsupported-operator",
        "torch.onnx has no translation of the operator aten.linalg_lu",
        "ConversionError: Failed to convert the exported program to an ONNX model. \x1b[96mThis is step 3/3\x1b[0m of "
        "exporting the model to ONNX.\n\n## Exception summary\n\n"
        "<class 'torch.onnx._internal.exporter._errors.DispatchError'>: No ONNX function found for "
        "<OpOverload(op='aten.linalg_lu', overload='default')>. Failure message: No decompositions registered for the "
        "real-valued input",
    ),
    (
        "unsupported-operator",
        "ONNX Runtime has no implementation of Sin (version 22) for the types that node 'node_sin' has",
        f"NotImplemented: {ORT}9 : NOT_IMPLEMENTED : Could not find an implementation for Sin(22) node with name "
        "'node_sin'",
    ),
    (
        "unsupported-operator",
        "ONNX has no operator NoSuchOp in opset 18",
        f"InvalidGraph: {ORT}10 : INVALID_GRAPH : This is an invalid model. In Node, "
        '("node_7", NoSuchOp, "", -1) : ("x": tensor(float),) -> ("y": tensor(float),) , Error No Op registered for '
        "NoSuchOp with domain_version of 18",
    ),
    (
        "unsupported-operator",
        "ONNX Runtime knows no operator com.acme:NoSuchOp",
        f"Fail: {ORT}1 : FAIL : Fatal error: com.acme:NoSuchOp(-1) is not a registered function/op",
    ),
    (
        "unsupported-operator",
        "ONNX Runtime knows no operator com.acme:NoSuchOp: node 'n7' of domain 'com.acme'",
        "RuntimeError: Fatal error: com.acme:NoSuchOp(-1) is not a registered function/op: node 'n7' of domain 'com.acme'",
    ),
    (
        "unsupported-operator",
        "the model has opset 99 of ai.onnx; this ONNX Runtime reads up to 26",
        f"Fail: {ORT}1 : FAIL : /onnxruntime_src/onnxruntime/core/graph/model_load_utils.h:46 void ValidateOpsetForDomain"
        "() ONNX Runtime only *guarantees* support for models stamped with official released onnx opset versions. Opset "
        "99 is under development and support for this is limited. The operator schemas and or other functionality may "
        "change before next ONNX release and in this case ONNX Runtime will not guarantee backward compatibility. "
        "Current official support for domain ai.onnx is till opset 26.\n",
    ),
    (
        "unsupported-operator",
        "OpenVINO cannot convert the operators NoSuchOp-18, com.acme.OtherOp",
        f"RuntimeError: {REPORT}\nSummary:\n-- No conversion rule found for operations: NoSuchOp-18, com.acme.OtherOp\n"
        "To facilitate the conversion of unsupported operations, refer to Frontend Extension documentation\n",
    ),
    (
        "unsupported-operator",
        "jax2onnx has no operators of ONNX for the primitive 'pure_callback'",
        "ExportError: jax2onnx has no operators of ONNX for the primitive 'pure_callback'",
    ),
    (
        "unsupported-operator",
        "TensorRT's parser refuses node 'the_det' (Det): it has no such operator",
        "RuntimeError: TensorRT's parser refuses node 'the_det' (Det): it has no such operator\n",
    ),
    (
        "unsupported-operator",
        "torch has no aten::gelu for SparseCPU tensors",
        "NotImplementedError: Could not run 'aten::gelu' with arguments from the 'SparseCPU' backend. This could be "
        "because the operator doesn't exist for this backend",
    ),
    (
        "unsupported-operator",
        "torch has no add_stub for Float8_e4m3fn",
        "NotImplementedError: \"add_stub\" not implemented for 'Float8_e4m3fn'",
    ),
    (
        "exception",
        "torch.export cannot follow a data-dependent branch: /home/me/net.py:90 if x.sum() > 0:",
        f"GuardOnDataDependentSymNode: {GUARD}    if x.sum() > 0:\n\n\nThe error above occurred when calling export",
    ),
    (
        "exception",
        "torch.export cannot follow a data-dependent branch: /home/me/net.py:90",
        f"GuardOnDataDependentSymNode: {GUARD}\n\nThe error above occurred when calling torch.export.export.",
    ),
    (
        "exception",
        "torch.export cannot know a data-dependent value that forward uses as a Python number (me/net.py:92)",
        "GuardOnDataDependentSymNode: Could not extract specialized integer from data-dependent expression "
        "TruncToInt(zuf0) (unhinted: TruncToInt(zuf0)).  (Size-like symbols: none)\n\n\n"
        "Caused by: (me/net.py:92 in forward)\n",
    ),
    (
        "exception",
        "forward fixes L['x'].size()[0] to 2, and the samples differ in it",
        "UserError: Constraints violated (L['x'].size()[0])! For more information, run with TORCH_LOGS=\"+dynamic\".\n"
        "  - You marked L['x'].size()[0] as dynamic but your code specialized it to be a constant (2). If you're using",
    ),
    (
        "exception",
        "forward fixes inputs['x'].shape[0] to 2, and the samples differ in it",
        "TorchExportError: Failed to export the model with torch.export.\n\n## Exception summary\n\n"
        "<class 'ValueError'>: Found the following conflicts between user-specified ranges and inferred ranges from "
        "model tracing:\n- Received user-specified dim hint Dim.DYNAMIC(min=None, max=None), but tracing inferred a "
        "static shape of 2 for dimension inputs['x'].shape[0].\n",
    ),
    (
        "exception",
        "torch.export cannot follow .numpy(), which forward calls on a tensor",
        "RuntimeError: .numpy() is not supported for tensor subclasses.",
    ),
    (
        "exception",
        "torch cannot compile forward as one graph: Data-dependent branching: /home/me/net.py:94 if x.sum() > 0:",
        USER_CODE,
    ),
    (
        "exception",
        "the file has ONNX IR version 99; this ONNX Runtime reads up to 13",
        f"Fail: {ORT}1 : FAIL : /onnxruntime_src/onnxruntime/core/graph/model.cc:256 Model() Unsupported model IR "
        "version: 99, max supported IR version: 13\n",
    ),
    (
        "exception",
        "a file with weights of the model is missing or damaged: /w/gone.data",
        f"Fail: {ORT}1 : FAIL : External data path validation failed for initializer: w. Error: tensorprotoutils.cc:461 "
        'ValidateExternalDataPathFromDir External data path does not exist: "/w/gone.data"',
    ),
    (
        "exception",
        "a file with weights of the model is missing or damaged: /w/gone.data",
        "RuntimeError: Exception from src/inference/src/cpp/core.cpp:84:\n"
        "invalid external data: ExternalDataInfo(data_full_path: /w/gone.data, offset: 0, data_length: 0)\n",
    ),
    (
        "exception",
        "/w/model.onnx is no ONNX file, or a damaged one",
        f"InvalidProtobuf: {ORT}7 : INVALID_PROTOBUF : Load model from /w/model.onnx failed:Protobuf parsing failed.",
    ),
    (
        "exception",
        "ONNX Runtime refuses the types in the graph: Type (tensor(int64)) of output arg (y) of node (n) does not match "
        "expected type (tensor(float)).",
        f"Fail: {ORT}1 : FAIL : Load model from /w/model.onnx failed:Type Error: Type (tensor(int64)) of output arg "
        "(y) of node (n) does not match expected type (tensor(float)).",
    ),
    (
        "exception",
        "ONNX Runtime refuses the types in the graph: Type 'tensor(int32)' of input parameter (x) of operator (Sin) in "
        "node (n) is invalid.",
        f"InvalidGraph: {ORT}10 : INVALID_GRAPH : Load model from /w/model.onnx failed:This is an invalid model. Type "
        "Error: Type 'tensor(int32)' of input parameter (x) of operator (Sin) in node (n) is invalid.",
    ),
    (
        "exception",
        "ONNX Runtime refuses Relu node 'n': Unrecognized attribute: foo for operator Relu",
        f"InvalidGraph: {ORT}10 : INVALID_GRAPH : Load model from /w/model.onnx failed:This is an invalid model. In Node, "
        '("n", Relu, "", -1) : ("x": tensor(float),) -> ("y": tensor(float),) , Error Unrecognized attribute: foo for '
        "operator Relu",
    ),
    (
        "exception",
        "ONNX Runtime refuses MatMul node 'n': Incompatible dimensions for matrix multiplication",
        f"Fail: {ORT}1 : FAIL : Load model from /w/model.onnx failed:Node (n) Op (MatMul) [ShapeInferenceError] "
        "Incompatible dimensions for matrix multiplication",
    ),
    (
        "exception",
        "ONNX Runtime cannot prepare the model: Batchwise recurrent operations (layout == 1) are not supported. If you "
        "need support create a github issue with justification.",
        f"Fail: {ORT}1 : FAIL : Exception during initialization: /onnxruntime_src/onnxruntime/core/providers/cpu/rnn/"
        "lstm_base.h:53 onnxruntime::LSTMBase::LSTMBase(const onnxruntime::OpKernelInfo&) layout_ == 0 was false. "
        "Batchwise recurrent operations (layout == 1) are not supported. If you need support create a github issue "
        "with justification.\n",
    ),
    (
        "exception",
        "ONNX Runtime cannot prepare the model: MLDataType for: tensor(complex64) is not currently registered or "
        "supported",
        f"Fail: {ORT}1 : FAIL : Load model from /w/model.onnx failed:Exception during loading: MLDataType for: "
        "tensor(complex64) is not currently registered or supported",
    ),
    (
        "exception",
        "ONNX Runtime refuses the file: Duplicate definition of name (y).",
        f"Fail: {ORT}1 : FAIL : Load model from /w/model.onnx failed:This is an invalid model. Error: Duplicate definition "
        "of name (y).",
    ),
    (
        "exception",
        "ONNX Runtime refuses the file: Graph output (y) does not exist in the graph.",
        f"Fail: {ORT}1 : FAIL : Load model from /w/model.onnx failed:/onnxruntime_src/onnxruntime/core/graph/graph.cc:1617 "
        "void onnxruntime::Graph::InitializeStateFromModelFileGraphProto() This is an invalid model. Graph output (y) "
        "does not exist in the graph.\n",
    ),
    (
        "exception",
        "the file is none that torch wrote, or a damaged one",
        "RuntimeError: PytorchStreamReader failed reading zip archive: failed finding central directory. This is an "
        "internal miniz error.",
    ),
    (
        "exception",
        "the artifact takes only size 2 on axis 0 of input 'x', and was given 3",
        f"InvalidArgument: {ORT}2 : INVALID_ARGUMENT : Got invalid dimensions for input: x for the following indices\n"
        " index: 0 Got: 3 Expected: 2\n Please fix either the inputs/outputs or the model.",
    ),
    (
        "exception",
        "ONNX Runtime failed in MatMul node 'mm': Compute MatMul dimension mismatch",
        f"Fail: {ORT}1 : FAIL : Non-zero status code returned while running MatMul node. Name:'mm' Status Message: "
        "matmul_helper.h:59 Compute MatMul dimension mismatch",
    ),
    (
        "exception",
        "OpenVINO cannot convert ReduceMean-13: Axis 7 out of the tensor rank range [-2, 1].",
        f"RuntimeError: {REPORT} Failed operations detailed log:\n-- ReduceMean-13 with a message:\n"
        "While validating ONNX node '<Node(ReduceMean): rm>': Check 'is_axis_valid(axis, r)' failed at "
        "src/core/src/validation_util.cpp:336:\nWhile validating node 'opset1::ReduceMean ReduceMean_34 () -> "
        "(dynamic[...])' with friendly_name 'ReduceMean_34':\nAxis 7 out of the tensor rank range [-2, 1].\n\n"
        "Summary:\n-- Conversion is failed for: ReduceMean-13\n",
    ),
    (
        "exception",
        "OpenVINO failed in Broadcast node 'y': Can not clone DnnlBlockedMemoryDesc with dims: {60000000, 100000000}",
        "RuntimeError: Exception from src/inference/src/cpp/infer_request.cpp:224:\n"
        "Exception from src/plugins/intel_cpu/src/node.cpp:794:\n[CPU] Broadcast node with name 'y' Check 'retCode == "
        "dnnl::impl::status::success' failed at src/plugins/intel_cpu/src/memory_desc/dnnl_blocked_memory_desc.cpp:481:\n"
        "Can not clone DnnlBlockedMemoryDesc with dims: {60000000, 100000000}\n",
    ),
    (
        "exception",
        "OpenVINO failed: Can't set the input tensor with index: 0, because the model input (shape=[2,3]) and the tensor "
        "(shape=(3.3)) are incompatible",
        "RuntimeError: Exception from src/inference/src/cpp/infer_request.cpp:75:\n"
        "Exception from src/inference/src/cpp/infer_request.cpp:67:\n"
        "Check 'shape.compatible(ov::PartialShape(tensor->get_shape()))' failed at "
        "src/plugins/intel_cpu/src/infer_request.cpp:385:\nCan't set the input tensor with index: 0, because the model "
        "input (shape=[2,3]) and the tensor (shape=(3.3)) are incompatible\n",
    ),
)
